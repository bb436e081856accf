//! A reference for who is where and who gets what.
