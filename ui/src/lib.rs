//! The window of Gainfield: everything behind `main`, so that tests can drive it without a display.

pub mod app;
pub mod clock;
pub mod command;
pub mod derived;
pub mod dock;
pub mod document;
pub mod figure_ui;
pub mod files;
pub mod frame;
pub mod icons;
pub mod interventions;
pub mod item;
pub mod jobs;
pub mod messages;
pub mod paint_cost;
pub mod panels;
pub mod settings;
pub mod store;
pub mod texture;
pub mod theme;
pub mod timeline;
pub mod training;
pub mod view;
pub mod views;
pub mod widgets;
pub mod worker;
