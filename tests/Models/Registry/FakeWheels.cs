using System.Collections.Concurrent;
using System.IO.Compression;
using System.Security.Cryptography;
using Answer = StreamDiff.Testing.LoopbackServer.Answer;
using Request = StreamDiff.Testing.LoopbackServer.Request;

namespace StreamDiff.Testing;

/// <summary>A package index (PEP 503) on loopback with wheels that have the shape of torch's and NVIDIA's, and nothing that
/// computes.</summary>
internal sealed class FakeWheels : IDisposable
{
    private readonly ConcurrentDictionary<string, byte[]> _files = new();
    private readonly LoopbackServer _server;

    public FakeWheels()
    {
        _server = new LoopbackServer(Answer);
        Add("torch-2.11.0+cpu-cp312-cp312-manylinux_2_28_x86_64.whl", [], "torch/lib/libtorch_cpu.so");
        Add("torch-2.11.0+cu130-cp312-cp312-win_amd64.whl", [], "torch/lib/torch_cuda.dll");
        foreach (var (variant, python) in (ReadOnlySpan<(string, string)>)[("cu126", "cp312"), ("cu130", "cp310"), ("cu130", "cp312")])
            Add($"torch-2.11.0+{variant}-{python}-{python}-manylinux_2_28_x86_64.whl",
            [
                "filelock", "triton==3.7.0; platform_system == \"Linux\"",
                "nvidia-cudnn-cu13==9.19.0.56; platform_system == \"Linux\"",
                "cuda-toolkit[cublas,nvrtc]==13.0.2; platform_system == \"Linux\"",
                "nvidia-wrong; platform_system == \"Windows\"",
            ],
                "torch/lib/libtorch_cpu.so", "torch/lib/libtorch_cuda.so", "torch/lib/libtorch.so", "torch/lib/libc10.so",
                "torch/lib/libgomp-24e2ab19.so.1", "torch/lib/libtorch_python.so", "torch/__init__.py", "torch/lib/../../../escaped.so",
                $"torch/lib/lib{variant}.so");
        Add("cuda_toolkit-13.0.2-py2.py3-none-any.whl",
        [
            "nvidia-cublas==13.0.*; extra == 'cublas'", "nvidia-cuda-nvrtc==13.0.*; extra == 'nvrtc'",
            "nvidia-cufft==12.*; extra == 'cufft'",
        ]);
        Add("nvidia_cudnn_cu13-9.19.0.56-py3-none-manylinux_2_27_x86_64.whl", ["nvidia-cublas"], "nvidia/cudnn/lib/libcudnn.so.9");
        Add("nvidia_cublas-13.0.2.14-py3-none-manylinux_2_27_x86_64.whl", [], "nvidia/cu13/lib/libcublas.so.13");
        Add("nvidia_cublas-13.10.0.20-py3-none-manylinux_2_27_x86_64.whl", [], "nvidia/cu13/lib/libcublas_too_new.so.13");
        Add("nvidia_cuda_nvrtc-13.0.88-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl", [], "nvidia/cu13/lib/libnvrtc.so.13");
    }

    public string Url => _server.Url("simple/");

    public IEnumerable<string> Asked => _server.Requests.Select(r => r.Path);

    /// <summary>Given to a wheel's request in place of the file; null for the file.</summary>
    public Func<Request, byte[], Answer?> Instead { get; set; } = (_, _) => null;

    public void Dispose() => _server.Dispose();

    /// <summary>Writes the wheels into a folder, as <c>pip download</c> does.</summary>
    public void WriteTo(string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (var (name, bytes) in _files)
            File.WriteAllBytes(Path.Combine(folder, name), bytes);
    }

    private void Add(string name, string[] needs, params string[] files)
    {
        using var memory = new MemoryStream();
        using (var archive = new ZipArchive(memory, ZipArchiveMode.Create, leaveOpen: true))
        {
            var parts = name.Split('-');
            Write(archive, $"{parts[0]}-{parts[1]}.dist-info/METADATA",
                $"Metadata-Version: 2.4\n{string.Concat(needs.Select(n => $"Requires-Dist: {n}\n"))}\nRequires-Dist: nothing\n");
            foreach (var file in files)
                Write(archive, file, $"{name} {file}");
        }
        _files[name] = memory.ToArray();

        static void Write(ZipArchive archive, string path, string text)
        {
            using var writer = new StreamWriter(archive.CreateEntry(path).Open());
            writer.Write(text);
        }
    }

    private Answer Answer(Request request)
    {
        var last = Uri.UnescapeDataString(request.Path.TrimEnd('/').Split('/')[^1]);
        if (_files.TryGetValue(last, out var bytes))
            return Instead(request, bytes) ?? LoopbackServer.Answer.File(bytes, request);
        var links = _files.Where(f => f.Key.Split('-')[0].Replace('_', '-') == last)
            .Select(f => $"<a href=\"/files/{Uri.EscapeDataString(f.Key)}#sha256={Convert.ToHexStringLower(SHA256.HashData(f.Value))}\" "
                + $"data-requires-python=\"&gt;=3.10\">{f.Key}</a><br>").ToList();
        return links.Count == 0 ? new Answer(404) : new Answer(200, System.Text.Encoding.UTF8.GetBytes(string.Concat(links)));
    }
}
