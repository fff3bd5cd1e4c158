//! user-service: who the users of a company are, and how people become users.

pub mod process;
pub mod config;
pub mod startup;
mod state;
mod limits;
pub mod routes;
pub mod openapi;
mod handlers;
mod domain;
mod hashing;
mod repository;
mod mail;
mod auth_api;
mod login_ends;
mod upkeep;
mod error;
mod reply;
