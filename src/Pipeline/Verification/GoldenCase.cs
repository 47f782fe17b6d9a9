using System.Text.Json;
using StreamDiff.Models;
using StreamDiff.Models.Weights;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Verification;

/// <summary>One case folder: case.json, io.safetensors and, where the part has weights, weights.safetensors.</summary>
internal sealed class GoldenCase : IDisposable
{
    private readonly JsonDocument _json;
    private SafetensorsFile? _io;
    private SafetensorsFile? _weights;

    public GoldenCase(string folder, Device device, ScalarType type, IReadOnlyList<Device>? ranks = null)
    {
        Ranks = ranks ?? [device];
        Folder = folder;
        Device = device;
        Type = type;
        try
        {
            _json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "case.json")));
        }
        catch (JsonException e)
        {
            throw new ModelException($"{folder}/case.json is damaged: {e.Message}", e);
        }
        Kind = Facts.GetProperty("kind").GetString() ?? "";
    }

    public string Folder { get; }

    public string Kind { get; }

    /// <summary>Devices of the ranks that share the transformer where a case runs one.</summary>
    public IReadOnlyList<Device> Ranks { get; }

    public Device Device { get; }

    /// <summary>Type that networks compute in; expected values are float32.</summary>
    public ScalarType Type { get; }

    public JsonElement Facts => _json.RootElement;

    public JsonElement Config => Facts.GetProperty("config");

    public IWeightSource Weights => _weights ??= SafetensorsFile.Open(Path.Combine(Folder, "weights.safetensors"));

    /// <summary>Weights of one of several networks in the file.</summary>
    public IWeightSource WeightsBelow(string prefix) => new PrefixedWeightSource(Weights, prefix);

    public bool Has(string name) => Io.ShapeOf(name) is not null;

    /// <summary>A tensor of io.safetensors on the case's device, as it is stored.</summary>
    public Tensor Tensor(string name)
    {
        using var view = Io.View(name);
        return view.to(view.dtype, Device, copy: true);
    }

    public void Dispose()
    {
        _io?.Dispose();
        _weights?.Dispose();
        _json.Dispose();
    }

    private SafetensorsFile Io => _io ??= SafetensorsFile.Open(Path.Combine(Folder, "io.safetensors"));
}
