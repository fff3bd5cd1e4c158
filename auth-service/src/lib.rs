//! auth-service: an authorization server whose tokens carry a caller's session.

pub mod config;
pub mod commands;
pub mod startup;
mod state;
pub mod routes;
mod handlers;
pub mod domain;
mod repository;
mod seal;
mod error;
mod reply;
