"""The toolkit for brokers: what a durable broker needs beside its store."""
