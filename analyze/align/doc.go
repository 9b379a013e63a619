// Package align permutes the hidden units of a network so that its parameters come close to
// those of another network: alignment by weight matching (Ainsworth et al. 2022, "Git
// Re-Basin"). A network computes the same function when the units of a hidden layer change
// places, so two trainings may end at points that are far apart in theta for this reason
// alone.
//
//  1. A [Specification] says which axes of the tensors have the same units. [New] reads it
//     from the names of axes in two layouts (record.Tensor.Axes). For a model of this module
//     the names come from its layers (train/nn.Axes); for other models the user gives them.
//     A name that does not fit the tensors is an error, and [Specification.Check] evaluates
//     the loss at a permuted copy, which must not differ.
//  2. [Match] searches permutations of the units of b that make the distance between a and
//     the permuted copy of b small: coordinate descent over the units, each a linear
//     assignment problem ([Assign]), until no units improve, from several orders.
//  3. [Null] aligns pairs of points that have nothing to do with each other, such as two
//     random initializations. Alignment brings these closer too: the difference counts.
//
// The distance is over theta. Running statistics are permuted along and do not take part in
// the search. The search finds a local optimum: the distance is an upper bound of the
// smallest one.
//
// # Names of axes
//
// A tensor with names has one for every axis. Equal names mean equal units:
//
//	conv1.weight  ["c1", "input", "", ""]    64 filters of 3 channels
//	conv1.bias    ["c1"]
//	conv2.weight  ["c2", "c1", "", ""]       reads the units of conv1
//	fc.weight     ["output", "c2*16"]        16 pixels of every channel, channel by channel
//	block.weight  ["c2+c3", "c1", "", ""]    the units c2, and the units c3 behind them
//
// An axis with an empty name, and the units input and output, are never permuted. "16*c2" is
// an axis with 16 pixels, each with all channels. Brackets join a sum: "(c2+c3)*16". In JSON
// an empty name may be null.
//
// Only permutations are found. Networks with symmetries of signs or scales, and transformers,
// need more (their axes without names stay as they are).
package align

// Method describes the method in one sentence, for the provenance of a result.
const Method = "Hidden units of the second end were permuted by weight matching: coordinate descent over the layers, each " +
	"a linear assignment problem, the best of several orders."

// Citation has the BibTeX entry of the method.
const Citation = `@inproceedings{ainsworth2023git,
  title     = {Git Re-Basin: Merging Models modulo Permutation Symmetries},
  author    = {Ainsworth, Samuel K. and Hayase, Jonathan and Srinivasa, Siddhartha},
  booktitle = {International Conference on Learning Representations},
  year      = {2023}
}
`
