-- Earlier versions cannot read a body whose `encoding` is `identity+zstd`: it arrived without compression, and the server
-- compressed it. Bodies that are here already stay as they are, so nothing changes but the number of this step.
SELECT 1;
