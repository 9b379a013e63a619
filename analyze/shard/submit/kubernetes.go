package submit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"text/template"

	"sgdwalk/analyze/shard"
	"sgdwalk/record/safefile"
)

// Kubernetes holds the resources of the pods of a plan, and the place of their files.
// The manifests are tested against the types of the Kubernetes API; they have not been
// run on a cluster.
type Kubernetes struct {
	Image     string // that the pods run, with the program of the plan
	Namespace string // empty leaves it to kubectl
	// Claim is the claim of a volume that many nodes can write to. The volume holds the
	// files below Mount. Pods see it under the same path, so that the paths of the plan
	// are valid there.
	Claim       string
	Mount       string
	Mem         string // of a pod, as Slurm writes it; empty means 2G
	CPUs        int    // of a pod; 0 means 1
	Parallelism int    // pods at the same time; 0 means the number of shards, up to 1000
	Objective   string // command that the plan starts and that the user allowed; empty for none
}

const (
	kubernetesName = "k8s"
	jobFile        = "job.yaml"
	mergeFile      = "merge.yaml"
	dockerFile     = "Dockerfile"

	// mostPods is the largest default of Parallelism.
	mostPods = 1000
	// Paths of the image, which no volume should be mounted over.
	programInImage = "/usr/local/bin/sgdwalk"
	tempInImage    = "/var/tmp/sgdwalk"
)

// Long repetitions take time to compile, so these are compiled at their first use.
var (
	namePattern  = lazy(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)
	labelPattern = lazy(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	imagePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@-]*$`)
)

// Validate names the field, the value and what is allowed.
func (k *Kubernetes) Validate() error {
	switch {
	case k.Image == "":
		return errors.New("submit: --image is missing: the name that the image of the program will have")
	case !imagePattern.MatchString(k.Image):
		return fmt.Errorf("submit: --image is %q; it must be the name of an image, such as "+
			"registry.example.org/sgdwalk:1", k.Image)
	case k.Claim == "":
		return errors.New("submit: --claim is missing: the ReadWriteMany volume claim that holds the plan and the " +
			"recording")
	case !namePattern().MatchString(k.Claim):
		return fmt.Errorf("submit: --claim is %q; it must be the name of a volume claim: small letters, digits, "+
			"dashes and dots", k.Claim)
	case k.Namespace != "" && !labelPattern().MatchString(k.Namespace):
		return fmt.Errorf("submit: --namespace is %q; it must be small letters, digits and dashes", k.Namespace)
	case k.Mem != "" && !memPattern.MatchString(k.Mem):
		return fmt.Errorf("submit: --mem is %q; allowed: a number with K, M, G or T (M without one), such as 4G", k.Mem)
	case k.CPUs < 0:
		return fmt.Errorf("submit: --cpus is %d; it must be at least 1", k.CPUs)
	case k.Parallelism < 0:
		return fmt.Errorf("submit: --parallelism is %d; it must be at least 1, or 0 for the number of shards",
			k.Parallelism)
	}
	return nil
}

// memory returns Mem as a quantity of Kubernetes. The letters of Slurm are powers of 1024.
func (k *Kubernetes) memory() string {
	switch {
	case k.Mem == "":
		return "2Gi"
	case strings.ContainsAny(k.Mem, "KMGT"):
		return k.Mem + "i"
	default:
		return k.Mem + "Mi"
	}
}

// mountOf returns the directory that the volume holds: Mount, or the deepest directory
// that contains all paths of the plan.
func (k *Kubernetes) mountOf(p *shard.Plan) (string, error) {
	paths := append([]string{p.Dir()}, pathsOf(p)...)
	mount := k.Mount
	if mount == "" {
		mount = filepath.Dir(p.Dir())
		for _, path := range paths {
			for !below(path, mount) {
				mount = filepath.Dir(mount)
			}
		}
		if mount == filepath.Dir(mount) {
			return "", fmt.Errorf("submit: --mount is missing, and the paths of the plan have no directory in "+
				"common: %s", strings.Join(paths, ", "))
		}
	}
	if !filepath.IsAbs(mount) || filepath.Clean(mount) == "/" {
		return "", fmt.Errorf("submit: --mount is %q; it must be an absolute path of a directory other than /", mount)
	}
	for _, path := range paths {
		if !below(path, mount) {
			return "", fmt.Errorf("submit: %s is not below --mount %s: the pods would not see it", path, mount)
		}
	}
	if strings.ContainsRune(mount, ':') {
		return "", fmt.Errorf("submit: --mount is %q; Kubernetes allows no colon in the path of a volume", mount)
	}
	return filepath.Clean(mount), checkPath("--mount", mount)
}

// pathsOf lists the files and directories that a plan names: what its analysis is of, and
// those among its options, which may be values such as /lab/sweep and cifar10:/lab/cifar.
func pathsOf(p *shard.Plan) []string {
	paths := []string{p.Of}
	d := json.NewDecoder(bytes.NewReader(p.Options))
	for {
		token, err := d.Token()
		if err != nil {
			return paths
		}
		value, _ := token.(string)
		_, behind, _ := strings.Cut(value, ":")
		for _, v := range []string{value, behind} {
			if _, err := os.Stat(v); filepath.IsAbs(v) && err == nil {
				paths = append(paths, v)
			}
		}
	}
}

// below reports whether a path is the directory or in it.
func below(path, dir string) bool {
	rest, err := filepath.Rel(dir, path)
	return err == nil && rest != ".." && !strings.HasPrefix(rest, ".."+string(filepath.Separator))
}

// manifestValues are the values of the templates.
type manifestValues struct {
	Name, Namespace, Image, Claim, Mount, Memory  string
	Plan, Program, Temp, Kernel, Arch, Binary     string
	Shards, Parallelism, CPUs, MostFailed         int
	Again, Usage, Damaged, Grace, UID, GID, Tries int
	Objective                                     bool
	Command                                       string // of the objective, allowed by the user of submit
}

// Manifests are the files for Kubernetes.
type Manifests struct {
	Name                   string // of the job
	Job, Merge, Dockerfile string
}

// Manifests makes the files of a plan. arch is the processor of its program, as Go
// calls it, and binary the program's file name.
func (k *Kubernetes) Manifests(p *shard.Plan, arch, binary string) (*Manifests, error) {
	if err := k.Validate(); err != nil {
		return nil, err
	}
	mount, err := k.mountOf(p)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(checkPath("the plan's directory", p.Dir()), checkPath("the program's name",
		binary)); err != nil {
		return nil, err
	}
	parallelism := k.Parallelism
	if parallelism == 0 {
		parallelism = mostPods
	}
	v := manifestValues{
		Name: planName(p), Namespace: k.Namespace, Image: k.Image, Claim: k.Claim, Mount: mount, Memory: k.memory(),
		Plan: p.Dir(), Program: programInImage, Temp: tempInImage, Kernel: p.Identity.Kernel, Arch: arch,
		Binary: binary,
		Shards: p.Shards, Parallelism: min(parallelism, p.Shards), CPUs: max(1, k.CPUs),
		// A mistake in the image fails every shard, so a few failures are enough.
		MostFailed: max(1, min(p.Shards/10, 10_000)), Tries: 3,
		Again: again, Usage: 2, Damaged: 3, Grace: TermSeconds, UID: os.Getuid(), GID: os.Getgid(),
		Objective: p.Identity.Objective != "", Command: k.Objective,
	}
	m := &Manifests{Name: v.Name}
	for _, f := range []struct {
		name string
		to   *string
	}{{jobFile, &m.Job}, {mergeFile, &m.Merge}, {dockerFile, &m.Dockerfile}} {
		if *f.to, err = execute(manifests().Lookup(f.name), v); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// Write writes the files below the plan's directory and returns their directory.
func (m *Manifests) Write(p *shard.Plan) (dir string, err error) {
	dir = filepath.Join(p.Dir(), kubernetesName)
	if err := errors.Join(safefile.CheckBelow(p.Dir(), dir), os.MkdirAll(dir, 0o777)); err != nil {
		return "", fmt.Errorf("submit: %w", err)
	}
	for name, text := range map[string]string{jobFile: m.Job, mergeFile: m.Merge, dockerFile: m.Dockerfile} {
		if err := safefile.WriteBytes(filepath.Join(dir, name), []byte(text)); err != nil {
			return "", fmt.Errorf("submit: %w", err)
		}
	}
	return dir, nil
}

var manifests = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{"q": yamlQuote, "json": yamlQuote}).Parse(`
{{- define "head" -}}
# Written by sgdwalk submit; it has not been run on a cluster.
apiVersion: batch/v1
kind: Job
{{- end}}

{{- define "pod"}}
      restartPolicy: Never
      terminationGracePeriodSeconds: {{.Grace}}
      automountServiceAccountToken: false
      enableServiceLinks: false
      nodeSelector:
        kubernetes.io/os: linux
        kubernetes.io/arch: {{q .Arch}}
      # The volume's files belong to whoever made the plan.
      securityContext:
        runAsUser: {{.UID}}
        runAsGroup: {{.GID}}
      volumes:
        - name: shared
          persistentVolumeClaim:
            claimName: {{q .Claim}}
        - name: tmp
          emptyDir: {}
      containers:
        - name: sgdwalk
          image: {{q .Image}}
{{- end}}

{{- define "container"}}
          env:
            - {name: TMPDIR, value: {{.Temp}}}
{{- if .Kernel}}
            # The instruction set that the plan was made with: all shards have the same bits.
            - {name: SGDWALK_KERNEL, value: {{q .Kernel}}}
{{- end}}
          resources:
            requests:
              cpu: {{q (print .CPUs)}}
              memory: {{q .Memory}}
          volumeMounts:
            - name: shared
              mountPath: {{q .Mount}}
            - name: tmp
              mountPath: {{.Temp}}
{{- end}}

{{- define "job.yaml" -}}
{{template "head" .}}
metadata:
  name: {{q .Name}}
{{- if .Namespace}}
  namespace: {{q .Namespace}}
{{- end}}
  labels:
    app.kubernetes.io/name: sgdwalk
    app.kubernetes.io/component: shards
spec:
  # The index of a pod is its shard. A shard that is done already ends at once.
  completionMode: Indexed
  completions: {{.Shards}}
  parallelism: {{.Parallelism}}
  backoffLimitPerIndex: {{.Tries}}
  maxFailedIndexes: {{.MostFailed}}
  podFailurePolicy:
    rules:
      # Told to stop, for example because its node is drained: it goes on elsewhere.
      - action: Ignore
        onExitCodes:
          containerName: sgdwalk
          operator: In
          values: [{{.Again}}]
      - action: Ignore
        onPodConditions:
          - type: DisruptionTarget
            status: "True"
      # A mistake in the call, a damaged recording: another try changes nothing.
      - action: FailIndex
        onExitCodes:
          containerName: sgdwalk
          operator: In
          values: [{{.Usage}}, {{.Damaged}}]
  template:
    metadata:
      labels:
        app.kubernetes.io/name: sgdwalk
        app.kubernetes.io/component: shards
    spec:
{{- template "pod" .}}
          command: [{{q .Program}}]
          args: ["work", {{q .Plan}}, "--cores", {{q (print .CPUs)}}, "--grace", "50s", "--quiet"{{with .Command}}, "--objective", {{q .}}{{end}}]
{{- template "container" .}}
{{end}}

{{- define "merge.yaml" -}}
{{template "head" .}}
# To be applied when the shards are done:
#   kubectl wait --for=condition=complete --timeout=-1s job/{{.Name}}
metadata:
  name: {{q (print .Name "-merge")}}
{{- if .Namespace}}
  namespace: {{q .Namespace}}
{{- end}}
  labels:
    app.kubernetes.io/name: sgdwalk
    app.kubernetes.io/component: merge
spec:
  backoffLimit: {{.Tries}}
  template:
    metadata:
      labels:
        app.kubernetes.io/name: sgdwalk
        app.kubernetes.io/component: merge
    spec:
{{- template "pod" .}}
          command: [{{q .Program}}]
          args: ["merge", {{q .Plan}}, "--quiet"{{with .Command}}, "--objective", {{q .}}{{end}}]
{{- template "container" .}}
{{end}}

{{- define "Dockerfile" -}}
# Written by sgdwalk submit. The image has nothing but the program that made the
# plan, which every shard checks by its hash: it is copied, not built again. It must
# be a static one:
#   CGO_ENABLED=0 go build -o sgdwalk ./cmd/sgdwalk
# Build the image in the directory of the program:
#   docker build --file THIS_FILE --tag {{.Image}} .
{{- if .Objective}}
#
# The loss is evaluated by another program: replace scratch by an image that has it,
# under the path that the plan names.
{{- end}}
FROM scratch
COPY [{{json .Binary}}, {{json .Program}}]
ENTRYPOINT [{{json .Program}}]
{{end}}`))
})
