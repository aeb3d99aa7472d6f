# The last loss of every run on each of its languages.
using HDF5, DataFrames
file = h5open(ARGS[1])
frame(group) = DataFrame([name => read(file[group][name]) for name in keys(file[group])])
losses, runs = frame("losses"), frame("runs")
last_losses = combine(groupby(losses[losses.set .== "test", :], [:run, :language]), last)
table = innerjoin(last_losses, runs[:, [:run, :name, :size, :status]], on = :run)
show(sort(table, [:run, :language])[:, [:run, :name, :size, :status, :language, :cross_entropy]], allrows = true)
