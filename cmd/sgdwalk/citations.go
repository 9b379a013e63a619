package main

// citation says how a number was made and whose idea it is.
type citation struct{ method, bibtex string }

var (
	citePath = citation{
		"Norms and cosines of recorded gradients and updates, accumulated in float64 over the flat parameter vector.",
		xing,
	}
	citeWalk = citation{
		"Loss over the whole training set, un-augmented and in fixed order, at evenly spaced points between consecutive iterates, both ends included; the floor is the smallest sample, refined by the parabola through it and its neighbours.",
		xing,
	}
	citePCA = citation{
		"Principal components of the iterates from their Gram matrix (float32 products within blocks of columns, float64 across), beside the exact shares of a random walk of the same length.",
		antognini,
	}
	citeLandscape = citation{
		"Loss over the whole training set on a grid of the plane spanned by the first two principal components of the iterates; coordinates of the path from the Gram system of the two directions.",
		li,
	}
)

const xing = `@article{xing2018walk,
  title = {A Walk with {SGD}},
  author = {Xing, Chen and Arpit, Devansh and Tsirigotis, Christos and Bengio, Yoshua},
  journal = {arXiv preprint arXiv:1802.08770},
  year = {2018}
}`

const antognini = `@inproceedings{antognini2018pca,
  title = {{PCA} of high dimensional random walks with comparison to neural network training},
  author = {Antognini, Joseph and Sohl-Dickstein, Jascha},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2018}
}`

const li = `@inproceedings{li2018visualizing,
  title = {Visualizing the Loss Landscape of Neural Nets},
  author = {Li, Hao and Xu, Zheng and Taylor, Gavin and Studer, Christoph and Goldstein, Tom},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2018}
}`
