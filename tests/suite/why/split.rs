//! Debug information that the compiler left in a file beside the object.
