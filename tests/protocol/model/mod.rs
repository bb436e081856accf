//! Random and exhaustive sequences of operations, compared with a model.

mod reference;
mod shards;
mod upgrade;
