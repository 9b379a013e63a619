// Package dataset opens the data sets that sgdwalk trains on, and divides them into
// mini-batches in a seeded order.
//
//  1. [Open] reads a data set from its spec ("digits", "mnist:DIR", "fashion:DIR",
//     "cifar10:DIR", "spirals"). It checks every size and label and returns a
//     training [Set] and a held-out one, with a hash of their content.
//  2. [Data.Header] describes the data set in a recording. Opening its Spec again
//     with zero [Options] returns the same examples.
//  3. [NewOrder] shuffles the examples once per epoch. A batch of any epoch can be
//     requested directly, so the header alone reproduces the order.
//  4. [Gather] copies a batch into the caller's buffers. [Augmentation.Gather] also
//     applies seeded crops and flips; only training uses it.
//
// Images are stored channels last and scaled to [0, 1]. No result depends on the
// number of cores, on the clock or on the order of a directory listing.
package dataset
