//! The ways by which batches travel.

use bandwise_choice::choices;

choices! {
    /// The way in which batches travel.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Transport: "transport" = Auto {
        /// Through shared memory if the daemon is reached over a Unix socket and offers it, otherwise over gRPC.
        Auto = "auto",
        /// Through shared memory; an error if that is not possible.
        SharedMemory = "shm",
        /// Over gRPC.
        Grpc = "grpc",
    }
}
