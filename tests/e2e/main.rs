//! End-to-end tests: the real binaries, real videos and real clients, on ports that were free.

mod bed;
mod clients;
mod readme;
mod restart;
