//! The abstract interpreter: what production's Python computes.
