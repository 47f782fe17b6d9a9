using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.RegularExpressions;
using k8s;
using k8s.Models;
using StreamDiff.Fleet.Clustering;
using StreamDiff.Fleet.Tests.Support;
using StreamDiff.Testing;

namespace StreamDiff.Fleet.Tests;

/// <summary>
/// The manifests for Kubernetes: what they say is what Kubernetes' own types have, and what the program is started with and asked for is
/// what it has.
/// </summary>
public sealed partial class KubernetesTests
{
    private static readonly Dictionary<string, Type> Kinds = new() { ["keda.sh/v1alpha1/ScaledObject"] = typeof(ScaledObject) };
    private static readonly List<object> All = KubernetesYaml.LoadAllFromString(Text, Kinds, strict: true);

    private static string Text => File.ReadAllText(Path.Combine(Root, "docs", "fleet", "kubernetes.yaml"));

    private static string Root
    {
        get
        {
            var folder = AppContext.BaseDirectory;
            while (!File.Exists(Path.Combine(folder, "StreamDiff.sln")))
                folder = Path.GetDirectoryName(folder)!;
            return folder;
        }
    }

    [Fact]
    public void Manifests_AreWhatKubernetesKnows_AndNameEachOther()
    {
        Assert.Equal(Text.Split("\n---\n").Length, All.Count);
        var (front, worker, redis) = (Of<V1Deployment>("front").Spec, Of<V1Deployment>("worker").Spec, Of<V1StatefulSet>("redis").Spec);
        foreach (var (selector, template) in ((V1LabelSelector, V1PodTemplateSpec)[])[
            (front.Selector, front.Template), (worker.Selector, worker.Template), (redis.Selector, redis.Template)])
            Assert.All(selector.MatchLabels, l => Assert.Equal(l.Value, template.Metadata.Labels[l.Key]));
        // A service leads to ports that somebody listens at.
        foreach (var (service, template) in ((string, V1PodTemplateSpec)[])[("front", front.Template), ("redis", redis.Template)])
        {
            var spec = Of<V1Service>(service).Spec;
            Assert.All(spec.Selector, l => Assert.Equal(l.Value, template.Metadata.Labels[l.Key]));
            AreAmong(template.Spec.Containers[0].Ports.Select(p => p.ContainerPort), spec.Ports.Select(p => p.Port));
        }
        // What is one front's, such as who has logged in, is found again.
        Assert.Equal("ClientIP", Of<V1Service>("front").Spec.SessionAffinity);
        Assert.Equal(redis.ServiceName, Of<V1Service>("redis").Metadata.Name);
        var account = Of<V1ServiceAccount>("streamdiff-front").Metadata.Name;
        var binding = Of<V1RoleBinding>("streamdiff-front");
        Assert.Equal((account, account), (front.Template.Spec.ServiceAccountName, binding.Subjects[0].Name));
        Assert.Equal(Of<V1Role>("streamdiff-front").Metadata.Name, binding.RoleRef.Name);
        Assert.Equal(Of<V1Deployment>("worker").Metadata.Name, Of<ScaledObject>("worker").Spec.ScaleTargetRef.Name);
        // What Orleans' own hosting reads.
        var variables = front.Template.Spec.Containers[0].Env.Select(e => e.Name).ToList();
        AreAmong(variables, ["POD_NAME", "POD_NAMESPACE", "POD_IP", "ORLEANS_SERVICE_ID", "ORLEANS_CLUSTER_ID"]);
        AreAmong(front.Template.Metadata.Labels.Keys, ["orleans/serviceId", "orleans/clusterId"]);
        foreach (var pod in (V1PodSpec[])[front.Template.Spec, worker.Template.Spec])
        {
            var container = pod.Containers[0];
            var known = container.Env.Select(e => e.Name).ToHashSet();
            Assert.All(container.Args.SelectMany(a => Variables().Matches(a)), m => Assert.Contains(m.Groups[1].Value, known));
            AreAmong(pod.Volumes.Select(v => v.Name), container.VolumeMounts.Select(m => m.Name));
        }
        var drain = double.Parse(After(worker.Template.Spec.Containers[0].Args, "--drain-within"), CultureInfo.InvariantCulture);
        Assert.True(drain < worker.Template.Spec.TerminationGracePeriodSeconds);
        // Ports that nobody names are the program's own.
        AreAmong(
            front.Template.Spec.Containers[0].Ports.Select(p => p.ContainerPort),
            [FleetSettings.DefaultSiloPort, FleetSettings.DefaultGatewayPort]);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Manifests_StartedAsTheySay_GiveAFrontAndAWorkerThatAnswerTheirProbesAndMetrics()
    {
        using var folder = new TempFolder();
        using var store = Store.Redis(folder[[]]).Begin();
        foreach (var line in Text.Split('\n').Where(l => l.StartsWith("#   streamdiff ", StringComparison.Ordinal))
            .SelectMany(l => l["#   ".Length..].Split("; ")))
        {
            using var command = FleetProcess.Streamdiff(folder[[]], [.. line.Split(' ').Skip(1)]);
            await command.Ended();
            Assert.True(command.ExitCode == 0, $"{line}: {command.Text}");
        }
        // What becomes of --from-file is in the secret by its name.
        foreach (var file in FromFiles().Matches(Text).Select(m => m.Groups[1].Value))
            File.Copy(folder[file], Path.Combine(Directory.CreateDirectory(folder["secret"]).FullName, Path.GetFileName(file)));
        using var viewer = FleetProcess.Streamdiff(folder[[]], "key", "add", "scraper", "--role", "viewer", "--data", "secret");
        await viewer.Ended();
        var key = viewer.Lines.Select(l => Keys().Match(l)).First(m => m.Success).Value;
        // Fronts of a test do not meet those of another one: what has a usual port is given another.
        var (front, frontPort) = Start("front", "--silo-port", Digits(TestFleet.FreePort()), "--gateway-port", Digits(TestFleet.FreePort()),
            "--model", "passthrough");
        using (front)
        {
            _ = await front.Said("studio: ");
            var (worker, workerPort) = Start("worker", "--model", "passthrough");
            using (worker)
            {
                _ = await worker.Said("worker pod: has joined the fleet");
                using var http = new HttpClient();
                foreach (var (name, port) in ((string, int)[])[("front", frontPort), ("worker", workerPort)])
                {
                    var container = Of<V1Deployment>(name).Spec.Template.Spec.Containers[0];
                    foreach (var probe in (V1Probe[])[container.ReadinessProbe, container.LivenessProbe])
                        Assert.Equal(HttpStatusCode.OK,
                            (await http.GetAsync(new Uri($"http://127.0.0.1:{port}{probe.HttpGet.Path}"))).StatusCode);
                }
                // What KEDA asks for is there.
                http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
                var metrics = await http.GetStringAsync(new Uri($"http://127.0.0.1:{frontPort}/metrics"));
                var names = Metrics().Matches(Of<ScaledObject>("worker").Spec.Triggers[0].Metadata["query"]).Select(m => m.Value).ToList();
                Assert.Equal(3, names.Count);
                Assert.All(names, n => Assert.Contains($"\n{n}", metrics, StringComparison.Ordinal));
            }
        }

        // The container's arguments, with what a cluster would put in their place.
        (FleetProcess Process, int Port) Start(string name, params string[] more)
        {
            var container = Of<V1Deployment>(name).Spec.Template.Spec.Containers[0];
            var listen = After(container.Args, name == "front" ? "--http" : "--listen");
            var given = int.Parse(listen[(listen.LastIndexOf(':') + 1)..], CultureInfo.InvariantCulture);
            // It listens at the port that the pod shows and that is probed.
            Assert.Contains(container.Ports, p => p.ContainerPort == given);
            Assert.Equal([given.ToString(CultureInfo.InvariantCulture)],
                ((V1Probe[])[container.ReadinessProbe, container.LivenessProbe]).Select(p => p.HttpGet.Port.Value).Distinct());
            var port = TestFleet.FreePort();
            var args = container.Args.Where(a => a != "--kubernetes").Select(a => a
                .Replace("$(POD_IP)", "127.0.0.1", StringComparison.Ordinal).Replace("$(POD_NAME)", "pod", StringComparison.Ordinal)
                .Replace("/fleet/", folder["secret"] + "/", StringComparison.Ordinal)
                .Replace("/studio", folder["secret"], StringComparison.Ordinal)
                .Replace($":{given}", $":{port}", StringComparison.Ordinal)
                .Replace("redis:redis:6379", store.Option, StringComparison.Ordinal));
            string[] data = name == "front" ? [] : ["--data", folder["worker"]];
            return (FleetProcess.Streamdiff(folder[[]], [.. args, .. data, .. more]), port);
        }
    }

    private static void AreAmong<T>(IEnumerable<T> all, IEnumerable<T> these) => Assert.All(these, t => Assert.Contains(t, all));

    private static T Of<T>(string name) =>
        Assert.Single(All.OfType<T>(), o => ((IKubernetesObject<V1ObjectMeta>)o!).Metadata.Name == name);

    private static string After(IList<string> args, string option) => args[args.IndexOf(option) + 1];

    private static string Digits(int number) => number.ToString(CultureInfo.InvariantCulture);

    [GeneratedRegex(@"\$\((\w+)\)")]
    private static partial Regex Variables();

    [GeneratedRegex(@"--from-file=(\S+)")]
    private static partial Regex FromFiles();

    [GeneratedRegex(@"streamdiff_\w+")]
    private static partial Regex Metrics();

    [GeneratedRegex(@"[A-Za-z0-9_-]{30,}")]
    private static partial Regex Keys();

    /// <summary>KEDA's, as far as its documentation (keda.sh, ScaledObject) names fields that are of use here.</summary>
    private sealed class ScaledObject : IKubernetesObject<V1ObjectMeta>
    {
        public string ApiVersion { get; set; } = "";

        public string Kind { get; set; } = "";

        public V1ObjectMeta Metadata { get; set; } = new();

        public ScaledObjectSpec Spec { get; set; } = new();
    }

    private sealed class ScaledObjectSpec
    {
        public V1CrossVersionObjectReference ScaleTargetRef { get; set; } = new();

        public int PollingInterval { get; set; }

        public int CooldownPeriod { get; set; }

        public int MinReplicaCount { get; set; }

        public int MaxReplicaCount { get; set; }

        public List<ScaleTrigger> Triggers { get; set; } = [];
    }

    private sealed class ScaleTrigger
    {
        public string Type { get; set; } = "";

        public Dictionary<string, string> Metadata { get; set; } = [];
    }
}
