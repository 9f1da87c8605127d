//! Beds of containers, for tests: the engine by its command line, a bed by compose, and images made of
//! this host's programs, since tests pull none.

mod bed;
mod engine;

pub use bed::Bed;
pub use engine::{
    Container, Image, alone, beside_others, docker, figure, import, inspect, run, succeeded,
    try_docker, unique_name,
};
