// Package dataset opens the data sets that sgdwalk trains on and draws
// mini-batches from them in a seeded order.
//
//  1. [Open] reads a data set from its spec ("digits", "mnist:DIR", "fashion:DIR",
//     "cifar10:DIR", "spirals"), checks every size and label, and gives a training
//     and a held-out [Set] with a content hash.
//  2. [Data.Header] describes it in a recording; opening the Spec in it with zero
//     [Options] gives the same examples.
//  3. [NewOrder] shuffles the examples once per epoch; the batch of any epoch can
//     be asked for directly, so the header alone reproduces the order.
//  4. [Gather] copies a batch into the caller's buffers; [Augmentation.Gather]
//     does the same with seeded crops and flips, for training only.
//
// Images are stored channels last, and scaled to [0, 1]. Nothing here depends on
// the number of cores, on the clock or on the order of a directory listing.
package dataset
