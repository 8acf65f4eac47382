//! What libraries do, as data files with a loader.
