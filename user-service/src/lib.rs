//! user-service: who the users of a company are.

pub mod config;
pub mod startup;
mod state;
pub mod routes;
mod handlers;
mod domain;
mod repository;
mod error;
mod reply;
