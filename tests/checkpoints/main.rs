//! Reading and writing checkpoints: real files, odd files, hostile files, damaged files.

mod hostile;
mod layouts;
mod mutations;
mod real;
mod saving;
mod support;
