//! Deployment files: what is started, with which environment, as whom.
