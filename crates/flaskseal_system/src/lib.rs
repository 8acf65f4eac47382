//! The one door to the outside: walking and reading trees, the clock, the environment.
