//! The state and the screen, without a terminal.

mod behaviour;
mod engines;
mod first_start;
mod help;
mod hostile;
mod linear;
mod narrow;
mod pictures;
mod screens;
mod set;
mod support;
mod work;
