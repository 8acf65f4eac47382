//! Reports: terminal, JSON and SARIF.
