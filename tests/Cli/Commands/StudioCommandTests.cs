using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using StreamDiff.CommandLine;

namespace StreamDiff.Cli.Tests.Commands;

/// <summary>The studio as a user starts it: who can reach it, with which key, and what it says.</summary>
public sealed class StudioCommandTests : IDisposable
{
    private const string Source = "test:testsrc2?size=64x64&rate=8&duration=0";
    private readonly Streamdiff _streamdiff = new();

    public void Dispose() => _streamdiff.Dispose();

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Studio_WhereOthersReachIt_NeedsAKeyAndNamesTheCommandThatMakesOne()
    {
        var refused = _streamdiff.Run("studio", "--http", "0.0.0.0:0", "--data", "studio", "--model", "passthrough");
        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.Equal(
            "error: http 0.0.0.0:0 can be reached by others, which needs a key, and there is none: make one with "
                + "'streamdiff key add NAME --role admin --data studio'",
            Assert.Single(refused.Problems));

        var made = _streamdiff.Run("key", "add", "alice", "--role", "admin", "--data", "studio");
        Assert.Equal(ExitCode.Ok, made.ExitCode);
        var key = made.Output.Trim();
        Assert.Equal("alice  admin\n", _streamdiff.Run("key", "list", "--data", "studio").Output);
        Assert.Contains("already", _streamdiff.Run("key", "add", "alice", "--data", "studio").Error, StringComparison.Ordinal);

        var process = _streamdiff.Start("studio", "--http", "0.0.0.0:0", "--data", "studio", "--model", "passthrough");
        var port = Address(process).Port;
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}/") };
        using (var closed = await http.GetAsync("api/v1/sessions"))
            Assert.Equal(HttpStatusCode.Unauthorized, closed.StatusCode);
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        Assert.Equal("alice", (await http.GetFromJsonAsync<JsonElement>("api/v1/me")).GetProperty("name").GetString());
        // The key is in no process's title.
        Assert.DoesNotContain(key, await File.ReadAllTextAsync($"/proc/{process.Id}/cmdline"), StringComparison.Ordinal);
        Assert.Equal(ExitCode.Ok, _streamdiff.Run("key", "remove", "alice", "--data", "studio").ExitCode);
        using (var gone = await http.GetAsync("api/v1/me"))
            Assert.Equal(HttpStatusCode.Unauthorized, gone.StatusCode);
        Streamdiff.Signal(process, PosixSignal.SIGTERM);
        Assert.Equal(ExitCode.Signal + 15, Streamdiff.Finish(process).ExitCode);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Studio_WithACertificate_AnswersByHttps()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(200));
        File.WriteAllText(_streamdiff.Folder["cert.pem"], certificate.ExportCertificatePem());
        File.WriteAllText(_streamdiff.Folder["key.pem"], key.ExportPkcs8PrivateKeyPem());
        var process = _streamdiff.Start(
            "studio", "--http", "127.0.0.1:0", "--model", "passthrough", "--cert", "cert.pem", "--cert-key", "key.pem");
        var address = Address(process);
        Assert.Equal("https", address.Scheme);
        using var handler = new HttpClientHandler
        {
            ServerCertificateCustomValidationCallback = (_, seen, _, _) => seen?.Thumbprint == certificate.Thumbprint,
        };
        using var http = new HttpClient(handler) { BaseAddress = address };
        Assert.Equal("ok", await http.GetStringAsync("healthz"));
        Streamdiff.Signal(process, PosixSignal.SIGINT);
        Assert.Equal(ExitCode.Signal + 2, Streamdiff.Finish(process).ExitCode);

        File.WriteAllText(_streamdiff.Folder["damaged.pem"], "nothing");
        var damaged = _streamdiff.Run("studio", "--http", "127.0.0.1:0", "--model", "passthrough", "--cert", "damaged.pem");
        Assert.Equal(ExitCode.Failed, damaged.ExitCode);
        Assert.Contains("certificate damaged.pem cannot be used", Assert.Single(damaged.Problems), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Serve_WithHttp_ShowsTheSessionsOfItsFile()
    {
        File.WriteAllText(_streamdiff.Folder["sessions.yaml"], $"""
            model: passthrough
            size: 64x64
            fps: 8
            sessions:
              - name: one
                input: {Source}
                output: one.mkv
            """);
        var process = _streamdiff.Start("serve", "--config", "sessions.yaml", "--http", "localhost:0");
        using var http = new HttpClient { BaseAddress = Address(process) };
        var sessions = await http.GetFromJsonAsync<JsonElement>("api/v1/sessions");
        while (sessions.GetArrayLength() == 0 || sessions[0].GetProperty("status").GetProperty("framesOut").GetInt64() == 0)
        {
            await Task.Delay(50);
            sessions = await http.GetFromJsonAsync<JsonElement>("api/v1/sessions");
        }
        Assert.Equal("one", sessions[0].GetProperty("name").GetString());
        // What one session writes no other one does, however it began.
        using (var clash = await http.PostAsJsonAsync("api/v1/sessions",
            new { name = "two", input = Source, outputs = new[] { "./one.mkv" } }))
        {
            Assert.Equal(HttpStatusCode.UnprocessableEntity, clash.StatusCode);
            Assert.Contains("of session one are one file", await clash.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
        using (await http.DeleteAsync("api/v1/sessions/one"))
            Assert.True(new FileInfo(_streamdiff.Folder["one.mkv"]).Length > 0);
        Streamdiff.Signal(process, PosixSignal.SIGTERM);
        Assert.Equal(ExitCode.Signal + 15, Streamdiff.Finish(process).ExitCode);
    }

    [Theory]
    [InlineData("http must be ADDRESS:PORT, such as 127.0.0.1:8188, not 8188", "--http", "8188")]
    [InlineData("cert-key has an effect with --cert only", "--cert-key", "/dev/null")]
    [InlineData("nowhere.pem does not exist", "--cert", "nowhere.pem")]
    public void Studio_UsedWrongly_SaysWhatAndStartsNothing(string problem, params string[] options)
    {
        var outcome = _streamdiff.Run(["studio", .. options]);
        Assert.Equal(ExitCode.Usage, outcome.ExitCode);
        Assert.Equal($"error: {problem}", Assert.Single(outcome.Problems));
    }

    [Fact]
    public void Studio_OnAPortThatIsTaken_SaysSo()
    {
        using var taken = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        var outcome = _streamdiff.Run("studio", "--http", $"127.0.0.1:{port}", "--model", "passthrough");
        Assert.Equal(ExitCode.Failed, outcome.ExitCode);
        Assert.Contains($"http 127.0.0.1:{port} cannot be listened at", Assert.Single(outcome.Problems), StringComparison.Ordinal);
    }

    private static Uri Address(Process process)
    {
        const string Said = "studio: ";
        while (process.StandardError.ReadLine() is { } line)
            if (line.StartsWith(Said, StringComparison.Ordinal))
                return new Uri(line[Said.Length..].Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal));
        throw new InvalidOperationException("it ended before it answered");
    }
}
