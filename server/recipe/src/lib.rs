//! What happens to one sample: the recipe, its keyed draws, and its execution.
