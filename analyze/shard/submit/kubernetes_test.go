package submit

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"

	"sgdwalk/analyze/shard"
)

// decode reads a manifest as the API's own type and refuses fields that it does not
// have.
func decode(t *testing.T, text string) *batchv1.Job {
	t.Helper()
	job := new(batchv1.Job)
	if err := yaml.UnmarshalStrict([]byte(text), job); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if job.APIVersion != "batch/v1" || job.Kind != "Job" {
		t.Fatalf("it is a %s %s", job.APIVersion, job.Kind)
	}
	return job
}

func TestManifests(t *testing.T) {
	shared := filepath.Join(t.TempDir(), `it's "shared" #1 {x}, Ümläut`)
	p := testPlan(t, filepath.Join(shared, "plans", "a plan"), 64)
	p.Directory, p.Of = shared, filepath.Join(shared, "run")
	k := Kubernetes{
		Image: "registry.example.org/lab/sgdwalk:1", Claim: "shared-claim", Namespace: "lab", Mem: "4G",
		CPUs: 3, Parallelism: 10,
	}
	m, err := k.Manifests(p, "amd64", "sgdwalk 1")
	if err != nil {
		t.Fatal(err)
	}
	job := decode(t, m.Job)
	if job.Name != m.Name || job.Namespace != "lab" {
		t.Errorf("the job is %s in %s", job.Name, job.Namespace)
	}
	s := job.Spec
	if s.CompletionMode == nil || *s.CompletionMode != batchv1.IndexedCompletion {
		t.Error("the pods have no index")
	}
	for _, n := range []struct {
		what string
		got  *int32
		want int32
	}{{"completions", s.Completions, 64}, {"parallelism", s.Parallelism, 10}, {
		"backoffLimitPerIndex",
		s.BackoffLimitPerIndex, 3,
	}, {"maxFailedIndexes", s.MaxFailedIndexes, 6}} {
		if n.got == nil || *n.got != n.want {
			t.Errorf("%s is %v; want %d", n.what, n.got, n.want)
		}
	}
	if s.BackoffLimit != nil {
		t.Error("the whole job gives up after some failures of any shards")
	}
	wantRules := []batchv1.PodFailurePolicyRule{
		{Action: batchv1.PodFailurePolicyActionIgnore, OnExitCodes: exitCodes(75)},
		{
			Action: batchv1.PodFailurePolicyActionIgnore,
			OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{{
				Type:   corev1.DisruptionTarget,
				Status: corev1.ConditionTrue,
			}},
		},
		{Action: batchv1.PodFailurePolicyActionFailIndex, OnExitCodes: exitCodes(2, 3)},
	}
	if d := cmp.Diff(wantRules, s.PodFailurePolicy.Rules); d != "" {
		t.Errorf("rules of failures (-want +got):\n%s", d)
	}
	checkPod(t, &s.Template.Spec, shared, []string{"work", p.Dir(), "--cores", "3", "--grace", "50s", "--quiet"})

	merge := decode(t, m.Merge)
	if merge.Name != m.Name+"-merge" || merge.Spec.Completions != nil || merge.Spec.CompletionMode != nil {
		t.Errorf("the merge is no single pod: %+v", merge.Spec)
	}
	checkPod(t, &merge.Spec.Template.Spec, shared, []string{"merge", p.Dir(), "--quiet"})

	if want := "FROM scratch\nCOPY [\"sgdwalk 1\", \"/usr/local/bin/sgdwalk\"]\nENTRYPOINT " +
		"[\"/usr/local/bin/sgdwalk\"]\n"; !strings.HasSuffix(m.Dockerfile, want) {
		t.Errorf("the Dockerfile is\n%s", m.Dockerfile)
	}
}

func exitCodes(codes ...int32) *batchv1.PodFailurePolicyOnExitCodesRequirement {
	name := "sgdwalk"
	return &batchv1.PodFailurePolicyOnExitCodesRequirement{
		ContainerName: &name,
		Operator:      batchv1.PodFailurePolicyOnExitCodesOpIn, Values: codes,
	}
}

func checkPod(t *testing.T, pod *corev1.PodSpec, shared string, args []string) {
	t.Helper()
	// A policy for failures of pods asks for it.
	if pod.RestartPolicy != corev1.RestartPolicyNever {
		t.Errorf("the restart policy is %q", pod.RestartPolicy)
	}
	if g := pod.TerminationGracePeriodSeconds; g == nil || *g <= 50 {
		t.Error("a pod is killed before its worker's time of grace is over")
	}
	if len(pod.Containers) != 1 {
		t.Fatalf("%d containers", len(pod.Containers))
	}
	c := pod.Containers[0]
	if c.Name != "sgdwalk" || c.Image != "registry.example.org/lab/sgdwalk:1" {
		t.Errorf("the container is %q of %q", c.Name, c.Image)
	}
	if d := cmp.Diff([]string{"/usr/local/bin/sgdwalk"}, c.Command); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(args, c.Args); d != "" {
		t.Error(d)
	}
	if !slices.Contains(c.Env, corev1.EnvVar{Name: "SGDWALK_KERNEL", Value: "avx2"}) {
		t.Errorf("the environment is %v", c.Env)
	}
	for _, r := range []struct {
		name corev1.ResourceName
		want string
	}{{corev1.ResourceCPU, "3"}, {corev1.ResourceMemory, "4Gi"}} {
		if got := c.Resources.Requests[r.name]; got.Cmp(resource.MustParse(r.want)) != 0 {
			t.Errorf("%s is %s; want %s", r.name, got.String(), r.want)
		}
	}
	mounted := false
	for _, m := range c.VolumeMounts {
		for _, v := range pod.Volumes {
			if v.Name == m.Name && v.PersistentVolumeClaim != nil {
				mounted = v.PersistentVolumeClaim.ClaimName == "shared-claim" && m.MountPath == shared && !m.ReadOnly
			}
		}
	}
	if !mounted {
		t.Errorf("the claim is not at %q: %+v", shared, c.VolumeMounts)
	}
	if id := pod.SecurityContext.RunAsUser; id == nil || *id != int64(os.Getuid()) {
		t.Error("the pods are not who made the plan")
	}
}

// TestManifestSizes: what Kubernetes demands of large Indexed Jobs, as the comments
// of batch/v1 say it: up to 10^5 completions, of which at most 10^5 may fail, and 10^4
// when they are more than 10^5.
func TestManifestSizes(t *testing.T) {
	for _, n := range []int{1, 9, 10, 1001, shard.MaxShards} {
		dir := t.TempDir()
		p := testPlan(t, dir, 1)
		p.Shards = n
		k := Kubernetes{Image: "sgdwalk", Claim: "c", Mount: filepath.Dir(dir)}
		m, err := k.Manifests(p, "arm64", "sgdwalk")
		if err != nil {
			t.Fatal(err)
		}
		s := decode(t, m.Job).Spec
		if int(*s.Completions) != n || *s.Completions > 100_000 {
			t.Errorf("%d shards are %d completions", n, *s.Completions)
		}
		if *s.Parallelism < 1 || int(*s.Parallelism) > min(n, 1000) {
			t.Errorf("%d shards: %d pods at once", n, *s.Parallelism)
		}
		if *s.MaxFailedIndexes < 1 || *s.MaxFailedIndexes > 10_000 || *s.MaxFailedIndexes > *s.Completions {
			t.Errorf("%d shards: %d may fail", n, *s.MaxFailedIndexes)
		}
		if got := s.Template.Spec.NodeSelector["kubernetes.io/arch"]; got != "arm64" {
			t.Errorf("the processor is %q", got)
		}
	}
}

func TestKubernetesRefuses(t *testing.T) {
	dir := t.TempDir()
	good, elsewhere := Kubernetes{Image: "sgdwalk", Claim: "c"}, t.TempDir()
	for _, c := range []struct {
		change func(k *Kubernetes, p *shard.Plan)
		want   string
	}{
		{func(k *Kubernetes, _ *shard.Plan) { k.Image = "" }, "--image is missing"},
		{func(k *Kubernetes, _ *shard.Plan) { k.Image = "a b" }, `--image is "a b"`},
		{func(k *Kubernetes, _ *shard.Plan) { k.Claim = "" }, "--claim is missing"},
		{func(k *Kubernetes, _ *shard.Plan) { k.Claim = "My_Claim" }, `--claim is "My_Claim"`},
		{func(k *Kubernetes, _ *shard.Plan) { k.Namespace = "a.b" }, `--namespace is "a.b"`},
		{func(k *Kubernetes, _ *shard.Plan) { k.Mem = "4GB" }, `--mem is "4GB"`},
		{func(k *Kubernetes, _ *shard.Plan) { k.Parallelism = -1 }, "--parallelism is -1"},
		{func(k *Kubernetes, _ *shard.Plan) { k.CPUs = -1 }, "--cpus is -1"},
		{func(k *Kubernetes, _ *shard.Plan) { k.Mount = "elsewhere" }, `--mount is "elsewhere"`},
		{func(k *Kubernetes, _ *shard.Plan) { k.Mount = "/" }, `--mount is "/"`},
		{func(k *Kubernetes, _ *shard.Plan) { k.Mount = "/nowhere" }, "is not below --mount /nowhere"},
		{func(_ *Kubernetes, p *shard.Plan) { p.Of = "/else/run" }, "--mount is missing"},
		{func(k *Kubernetes, p *shard.Plan) {
			k.Mount, p.Of = filepath.Dir(dir), "/else/run"
		}, "/else/run is not below --mount"},
		{func(k *Kubernetes, p *shard.Plan) {
			k.Mount, p.Of = dir, filepath.Join(dir, "run")
			p.Options = json.RawMessage(fmt.Sprintf(`{"Alphas":"0:1:5","Data":%q}`, "mnist:"+elsewhere))
		}, elsewhere + " is not below --mount"},
	} {
		p, k := testPlan(t, dir, 2), good
		c.change(&k, p)
		if _, err := k.Manifests(p, "amd64", "sgdwalk"); err == nil || !strings.Contains(err.Error(), c.want) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%v; want one line with %q", err, c.want)
		}
	}
}

// TestWrittenManifests: the files are where they are said to be.
func TestWrittenManifests(t *testing.T) {
	p := testPlan(t, t.TempDir(), 3)
	k := Kubernetes{Image: "sgdwalk", Claim: "c"}
	m, err := k.Manifests(p, "amd64", "sgdwalk")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := m.Write(p)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"job.yaml": m.Job, "merge.yaml": m.Merge, "Dockerfile": m.Dockerfile} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %v, %q", name, err, got)
		}
	}
}

// TestKubernetesTypesStayInTests: the API's types are judges, and no part of the
// program.
func TestKubernetesTypesStayInTests(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "sgdwalk/cmd/sgdwalk").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	deps := strings.Fields(string(out))
	if len(deps) < 100 {
		t.Fatalf("the program depends on %d packages: that list says nothing", len(deps))
	}
	for _, d := range deps {
		// A logger that Gorgonia's vectors bring along is under that name too.
		if strings.HasPrefix(d, "k8s.io/api") || strings.HasPrefix(d, "sigs.k8s.io/") {
			t.Errorf("the program depends on %s", d)
		}
	}
}

// testPlan makes a plan of so many shards, with three units each.
func testPlan(t *testing.T, dir string, shards int) *shard.Plan {
	t.Helper()
	units := make([]string, 3*shards)
	for i := range units {
		units[i] = fmt.Sprintf("cell %d", i)
	}
	p := &shard.Plan{
		Analysis: "landscape", Of: filepath.Join(filepath.Dir(dir),
			"run"), Directory: filepath.Dir(dir), Shards: shards,
		Identity: shard.Identity{Software: "test", Program: "abc", Kernel: "avx2"},
		Kinds: []shard.Kind{{
			Name: "cell", Units: 3 * shards, Timed: 1,
			Seconds: 100,
		}}, TimedCores: 2, SetupSeconds: 1,
	}
	if err := shard.Create(dir, p, units); err != nil {
		t.Fatal(err)
	}
	return p
}
