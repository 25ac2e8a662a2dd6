//! http source plugin
