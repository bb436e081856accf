//! What must hold between calls: for fuzz targets and models.

use super::Node;

impl Node {
    /// Checks that all indexes agree with each other.
    ///
    /// # Panics
    /// When two of them do not.
    #[doc(hidden)]
    pub fn check(&self) {
        self.outbox.check();
        self.holds.check();
        self.questions.check();
        self.relays.check();
        self.wishes.check();
        self.spaces.check();
        self.echoes.check();
    }
}
