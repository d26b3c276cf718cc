//! The datasets that a daemon serves, by name.

use std::{collections::BTreeMap, sync::Arc};

use bandwise_dataset::Dataset;

/// Name to dataset, in the order of the names.
pub type Catalog = BTreeMap<String, Arc<Dataset>>;
