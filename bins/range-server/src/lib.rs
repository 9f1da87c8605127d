//! range-server
