//! Python syntax: tree, comments and spans; knows nothing of Flask.
