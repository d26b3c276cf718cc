//! Encoded image bytes to RGB pixels, with the verdicts and the pixels of Pillow.
