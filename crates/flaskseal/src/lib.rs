//! The flaskseal command: is this Flask app, as production runs it, safe to deploy?
