//! Reads Markdown test pages (development only).
