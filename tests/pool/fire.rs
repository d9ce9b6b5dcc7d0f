//! Many tasks, few sessions, and everything that goes wrong.
