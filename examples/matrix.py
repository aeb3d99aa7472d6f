"""The matrix of transfer scores as a picture, ARCHIVE.matrix.png; one for the first size that has any."""

# %% What the archive holds
import sys
import h5py
import matplotlib
import numpy

archive = sys.argv[1]
with h5py.File(archive) as f:
    scores = {name: column.asstr()[:] if column.dtype.kind == "S" else column[:] for name, column in f["transfer"].items()}
    study = f.attrs["study"].decode()
if len(scores["bts"]) == 0:
    sys.exit(f"{archive}: holds no transfer scores")

# %% Rows are targets, columns sources
size = scores["size"][0]
mine = scores["size"] == size
languages = sorted(set(scores["source"][mine]) | set(scores["target"][mine]))
matrix = numpy.full((len(languages), len(languages)), numpy.nan)
bounds = []
for source, target, bts, state in zip(*(scores[name][mine] for name in ("source", "target", "bts", "state"))):
    place = languages.index(target), languages.index(source)
    matrix[place] = bts
    if state == "bound":
        bounds.append(place)

# %% The picture
matplotlib.use("Agg")
import matplotlib.pyplot as pyplot

figure, axes = pyplot.subplots(figsize=(4 + 0.6 * len(languages), 3 + 0.5 * len(languages)))
most = 1.5 * max(numpy.nanmax(abs(matrix)), 0.1)  # so pale that numbers stay legible
picture = axes.imshow(matrix, cmap="RdBu", vmin=-most, vmax=most)
axes.set_xticks(range(len(languages)), languages)
axes.set_yticks(range(len(languages)), languages)
axes.set(xlabel="source", ylabel="target", title=f"Transfer scores of {study}, size {size}")
for row, column in numpy.argwhere(~numpy.isnan(matrix)):
    sign = "≤ " if (row, column) in bounds else ""
    axes.text(column, row, f"{sign}{matrix[row, column]:+.2f}", ha="center", va="center", fontsize=8)
figure.colorbar(picture, label="bilingual transfer score")
figure.tight_layout()
figure.savefig(archive + ".matrix.png", dpi=150)
print(f"{archive}.matrix.png: {len(languages)} languages, {numpy.count_nonzero(~numpy.isnan(matrix))} scores")
