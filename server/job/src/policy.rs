//! Policies for samples that give no pixels: undecodable ones, and ones that a daemon cannot read.

use bandwise_choice::choices;

choices! {
    /// Policy for an undecodable sample.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum BadSample: "on_bad_sample" = Substitute {
        /// The next decodable sample in index order takes its place, with its own label and the row's draws.
        Substitute = "substitute",
        /// Its row is zeros and its label -1.
        Zero = "zero",
        /// The batch fails, naming the sample.
        Fail = "fail",
    }
}

choices! {
    /// Policy for a sample that a daemon cannot read.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Unreadable: "on_unreadable" = Fail {
        /// The batch fails, naming the sample; clients request it again, from every daemon, until their patience ends.
        Fail = "fail",
        /// The next sample in index order that can be read and decoded takes its place, with its own label and the
        /// row's draws; batches then depend on what a daemon could read.
        Substitute = "substitute",
    }
}
