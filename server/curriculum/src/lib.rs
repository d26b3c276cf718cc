//! Curricula, plans and orders: what is shown at which step.
