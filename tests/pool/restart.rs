//! Servers that stop and come back.
