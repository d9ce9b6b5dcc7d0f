//! Pages for people: where to find what another client has, and how this one works. There is no code
//! here.

/// Who comes from sqlx, mysql_async, aiomysql or PyMySQL: their calls, and ours.
pub mod migrating {
    #![doc = include_str!("migrating.md")]
}

/// The layers, and the way of one row through the code.
pub mod architecture {
    #![doc = include_str!("architecture.md")]
}
