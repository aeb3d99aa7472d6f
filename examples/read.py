"""The last loss of every run on each of its languages."""
import sys, h5py, pandas

with h5py.File(sys.argv[1]) as f:
    frame = lambda group: pandas.DataFrame({name: column.asstr()[:] if column.dtype.kind == "S" else column[:]
                                            for name, column in f[group].items()})
    losses, runs = frame("losses"), frame("runs")
last = losses[losses.set == "test"].groupby(["run", "language"]).last().reset_index()
table = last.merge(runs[["run", "name", "size", "status"]], on="run")
print(table[["run", "name", "size", "status", "language", "cross_entropy"]].to_csv(index=False), end="")
