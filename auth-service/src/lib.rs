//! auth-service: an authorization server whose tokens carry a caller's session.

pub mod config;
pub mod cli;
pub mod commands;
pub mod startup;
mod state;
pub mod routes;
pub mod openapi;
mod limits;
mod authentication;
mod handlers;
mod issuer;
mod user_api;
mod logins;
mod handoffs;
mod login_gate;
mod login_store;
mod social;
pub mod domain;
mod mirror;
mod upkeep;
mod audit_log;
mod repository;
mod seal;
mod error;
mod reply;
