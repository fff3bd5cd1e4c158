//! All services of baton in one process, on the embedded defaults or on servers of their own.

pub mod options;
pub mod services;
pub mod settlement;
