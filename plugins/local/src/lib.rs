//! local source plugin
