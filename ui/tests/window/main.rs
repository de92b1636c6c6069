//! The window driven by its accessible names: the bundled network, real runs, a scripted dialog.

mod commands;
mod files;
mod first_minute;
mod interventions;
mod layout;
mod support;
