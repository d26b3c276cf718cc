//! The job: everything that decides bytes, and its fingerprint.
