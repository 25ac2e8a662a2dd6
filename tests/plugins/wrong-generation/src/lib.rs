//! A plugin of a generation no host speaks.
